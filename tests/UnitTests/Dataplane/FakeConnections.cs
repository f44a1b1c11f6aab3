using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;

namespace Calico.UnitTests.Dataplane;

/// <summary>Tracked connections that note what is asked of them.</summary>
internal sealed class FakeConnections : IConnections
{
    public int Judged { get; private set; }

    public bool IsRefused { get; set; }

    /// <summary>Addresses, in the order in which they were given up.</summary>
    public List<Cidr> Ended { get; } = [];

    public void Begin(IEnumerable<Cidr> living)
    {
    }

    public void Sweep(IEnumerable<Cidr> free)
    {
    }

    public void Cut(IReadOnlyCollection<Cidr> addresses) => Ended.AddRange(addresses);

    public void Finish(IEnumerable<Cidr> addresses)
    {
        if (IsRefused)
        {
            IsRefused = false;
            throw new IOException("connections refused");
        }
    }

    public void JudgeAgain() => Judged++;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
