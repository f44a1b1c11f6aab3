using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Whether the store knows this node, with all that is its own; makes it so, with patience.</summary>
internal sealed partial class NodeMembership(NodeRegistration registration, AddressFollower addresses, DatastoreView view, string nodeName,
    bool isEmbedded,
    HealthBoard health, ILogger<NodeMembership> logger)
{
    // What a distant store is given before the start goes on without it. A node that was registered by an earlier start has little to
    // say to it and workloads that wait: their ADDs are served from what the node log holds.
    private static readonly TimeSpan NewNodePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KnownNodePatience = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OwnStorePatience = TimeSpan.FromSeconds(30);

    private readonly HealthCheck _check = health.Check("host", "registration");
    private volatile bool _isSettled;
    private int _losses;

    /// <summary>How often something was lost: who settles what was found says before which loss it began.</summary>
    public int Losses => Volatile.Read(ref _losses);

    /// <summary>At the start.</summary>
    /// <exception cref="CalicoException">What a person has to mend first: another machine's name or address, a setting.</exception>
    public async Task BeginAsync(CancellationToken ct)
    {
        if (await RegisterAsync(isStart: true, ct))
        {
            Settle();
        }
    }

    /// <summary>The store was seen to have lost facts of this node: nothing new is connected until they are written again.</summary>
    public void NoteLoss()
    {
        Interlocked.Increment(ref _losses);
        _isSettled = false;
        _check.Fail("the datastore has lost facts of this node; they are being written again", neededForReady: true);
    }

    /// <summary>All that is this node's is in the store.</summary>
    public void Settle()
    {
        _isSettled = true;
        _check.Well();
    }

    /// <summary>Registers again what was never registered, was lost or has moved.</summary>
    /// <returns>Whether the store knows the node now.</returns>
    public async Task<bool> KeepAsync(CancellationToken ct)
    {
        if (!addresses.HasMoved() && !IsNodeMissing && _isSettled)
        {
            return true;
        }

        try
        {
            _isSettled = false;
            var isDone = await RegisterAsync(isStart: false, ct);
            if (isDone)
            {
                addresses.Accept();
            }

            return isDone;
        }
        catch (CalicoException e)
        {
            // Addresses and endpoints of this node are kept true all the same.
            _check.Fail(e.Message, neededForReady: true);
            return false;
        }
    }

    private bool IsNodeMissing => view.Sync.Status == SyncStatus.InSync && view.Find(Kinds.Node.Key(nodeName)) is null;

    private async Task<bool> RegisterAsync(bool isStart, CancellationToken ct)
    {
        // Only this machine's own log can have told: one of another machine is refused before.
        var isKnown = view.Find(Kinds.Node.Key(nodeName)) is not null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(isEmbedded ? OwnStorePatience : isKnown ? KnownNodePatience : NewNodePatience);
        try
        {
            await registration.RunAsync(isStart, limit.Token);
            return true;
        }
        catch (CalicoException e) when (e.Problem is Problem.Damaged or Problem.Conflict)
        {
            // One value that is not readable keeps nobody from the network; it is said until it is mended.
            Later(e.Message, e.Message);
            return false;
        }
        catch (Exception e) when (!ct.IsCancellationRequested
            && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            Later("the datastore does not answer; tried again", e.Message);
            return false;
        }
    }

    private void Later(string shown, string reason)
    {
        _check.Fail(shown);
        Log.RegisterLater(logger, reason);
    }

    private static partial class Log
    {
        [LoggerMessage(1012, LogLevel.Warning, "this node is registered later: {Reason}")]
        public static partial void RegisterLater(ILogger logger, string reason);
    }
}
