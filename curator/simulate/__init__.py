"""Campaigns on labels that are known already: what would each strategy have bought?"""
