using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>How much of a block is used.</summary>
public sealed record BlockUtilization(Cidr Cidr, string? Affinity, int Capacity, int InUse, int Reserved, int Available);
