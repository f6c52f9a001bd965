"""What the tests above the packages share: real gateways, real clients, disks that can fail."""
