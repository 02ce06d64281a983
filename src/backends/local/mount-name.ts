/** What mounts of a home are listed as, behind `fuse.`: by it `agentctl umount` knows them. */
export const MOUNT_NAME = "openagents";
