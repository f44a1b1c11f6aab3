using Calico.Dataplane.Workloads;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Route;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The host forwards, and host sides of pairs are as they were wired, whatever policy says.</summary>
internal sealed class SettingsReconciler(ForwardingSettings forwarding, LinkKeeper keeper) : IReconciler
{
    private bool _isDoubted;

    public bool IsPolicyFree => true;

    public void Apply(DataplaneUpdate update)
    {
    }

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
    }

    public Reconciled Commit(int refusals)
    {
        if (!_isDoubted)
        {
            return Reconciled.Nothing;
        }

        var found = LookAtAll();
        _isDoubted = false;
        return found;
    }

    public Reconciled Notice(RouteEvent change) => change switch
    {
        RouteEvent.LinkChanged { Removed: false } link => Look(link.Link.Index),
        RouteEvent.AddressChanged address => Look(address.Address.LinkIndex),
        RouteEvent.SettingsChanged { LinkIndex: < 0 } => LookAtAll(),
        RouteEvent.SettingsChanged settings => Look(settings.LinkIndex),
        RouteEvent.Lost => LookAtAll(),
        _ => Reconciled.Nothing,
    };

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public void Dispose() => keeper.Dispose();

    private Reconciled Look(int index) => keeper.Look(index) is { } mended ? Reconciled.Of(Text(mended), mended.WasRenamed)
        : Reconciled.Nothing;

    private Reconciled LookAtAll()
    {
        var settings = forwarding.Assert();
        var mended = keeper.LookAtAll();
        return new([.. settings, .. mended.Select(Text)], mended.Any(m => m.WasRenamed));
    }

    private static string Text(LinkKeeper.Mended mended) => $"link {mended.Name} ({mended.What})";
}
