using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>An operation that answers with leases, and with what their companion made.</summary>
/// <param name="companion">What is to be written along, of the leases of one plan.</param>
internal abstract class LeasingOperation<T>(Func<ImmutableArray<AddressLease>, LeaseCompanion<T>> companion) : NodeOperation<Leased<T>>
{
    /// <summary>The end of a plan: its leases in the order of the addresses, and their companion.</summary>
    protected void Conclude(LeasePlan plan, List<LeaseRecord> leases)
    {
        ImmutableArray<AddressLease> answer = [.. leases.OrderBy(l => Cidr.From(l.Ip)).Select(l => l.ToLease())];
        var (made, writes) = companion(answer);
        plan.Add(writes);
        plan.Answer = new Leased<T>(answer, made);
    }
}
