using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.UnitTests.Dataplane;

/// <summary>A table that already holds whatever is desired: no comparison finds a difference, so nothing but what the loop itself knows
/// tells of a gap.</summary>
internal sealed class FakePolicyTable(DataplaneOptions options) : IPolicyTable
{
    public RulesetTranslator Policy { get; } = new(options);

    public IReadOnlySet<string>? FormerInterfaces { get; set; }

    public bool IsPolicyFree => false;

    public void Apply(DataplaneUpdate update) => Policy.Apply(update);

    public void Doubt()
    {
    }

    public void Read()
    {
    }

    public Reconciled Commit(int refusals)
    {
        using var batch = new NftBatch();
        Policy.Ruleset.Write(batch);
        Policy.Ruleset.Settle();
        return Reconciled.Nothing;
    }

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public Reconciled Notice(RouteEvent change) => Reconciled.Nothing;

    public string? CloseWhereOwned(Exception refusal) => null;

    public IEnumerable<NftCounterState> ListCounters() => [];

    public void Dispose()
    {
    }
}
