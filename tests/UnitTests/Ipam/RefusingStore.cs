using Calico.Datastore.Store;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>A store that answers reads and takes no writes, as an etcd that is full.</summary>
internal sealed class RefusingStore(IKeyValueStore inner) : ForwardingStore(inner)
{
    public bool IsFull { get; set; }

    public int Refused { get; private set; }

    public override Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        if (!IsFull || !transaction.Success.Any(o => o is not StoreOperation.Get))
        {
            return base.CommitAsync(transaction, ct);
        }

        Refused++;
        throw new CalicoException(Problem.Unavailable, "transaction: database space exceeded (alarm NOSPACE)",
            inner: new StoreRefusedException(new InvalidOperationException("full")));
    }
}
