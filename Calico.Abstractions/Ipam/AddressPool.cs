using System.Net;

namespace Calico;

/// <summary>An IP pool, as an adapter needs to know it.</summary>
/// <param name="Name">Name of the IPPool resource.</param>
/// <param name="Cidr">Its range.</param>
/// <param name="BlockSize">Prefix length of its blocks: 20–32, or 116–128.</param>
/// <param name="Disabled">No new addresses are taken from it.</param>
public sealed record AddressPool(string Name, IPNetwork Cidr, int BlockSize, bool Disabled);
