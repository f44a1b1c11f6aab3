using Calico.Dataplane.Reconciliation;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Route;

namespace Calico.UnitTests.Dataplane;

/// <summary>A kind of kernel object that refuses, or has been changed by a stranger, when it is told to.</summary>
internal sealed class FakeReconciler(bool isPolicyFree) : IReconciler
{
    public bool IsPolicyFree => isPolicyFree;

    public string? Refused { get; set; }

    /// <summary>What it is refused with; null: an <see cref="IOException"/>.</summary>
    public Exception? Refusal { get; set; }

    /// <summary>What it says after each notice.</summary>
    public Reconciled Found { get; set; } = Reconciled.Nothing;

    public bool IsDoubted { get; private set; }

    public int Doubts { get; private set; }

    public List<DataplaneUpdate> Applied { get; } = [];

    public List<RouteEvent> Noticed { get; } = [];

    public void Apply(DataplaneUpdate update) => Applied.Add(update);

    public void Doubt() => (IsDoubted, Doubts) = (true, Doubts + 1);

    public void Read() => RefuseIf("read");

    public Reconciled Commit(int refusals)
    {
        RefuseIf("commit");
        IsDoubted = false;
        return Reconciled.Nothing;
    }

    public Reconciled Notice(RouteEvent change)
    {
        Noticed.Add(change);
        return Found;
    }

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public void Dispose()
    {
    }

    private void RefuseIf(string step)
    {
        if (Refused == step)
        {
            Refused = null;
            throw Refusal ?? new IOException($"{step} refused");
        }
    }
}
