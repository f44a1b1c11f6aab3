namespace Calico.Linux.Namespaces;

/// <summary>Which namespace it is: device and inode of its nsfs file, equal for equal namespaces while one of them is open.</summary>
public readonly record struct NamespaceIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode);
