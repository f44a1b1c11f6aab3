using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>An operation that answers with leases.</summary>
/// <param name="companion">What is to be written along, of the answer; null: nothing.</param>
internal abstract class LeasingOperation(Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion)
    : NodeOperation<ImmutableArray<AddressLease>>
{
    /// <summary>The end of a plan: the answer, in the order of the addresses, and its companion.</summary>
    protected ImmutableArray<AddressLease> Conclude(List<LeaseRecord> leases, Action<LeaseCompanion> add)
    {
        ImmutableArray<AddressLease> answer = [.. leases.OrderBy(l => Cidr.From(l.Ip)).Select(l => l.ToLease())];
        if (companion?.Invoke(answer) is { } written)
        {
            add(written);
        }

        return answer;
    }
}
