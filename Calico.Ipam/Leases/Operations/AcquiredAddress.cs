using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>An address that a plan takes, and that nobody knows to be ours until the transaction is answered.</summary>
internal sealed record AcquiredAddress(IPAddress Address, Cidr Block, string Handle, ulong Sequence);
