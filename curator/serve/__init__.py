"""A small server beside the loop: Label Studio's ML backend protocol, and a door where Label Studio may knock."""
