using System.Collections.Immutable;
using Calico.Dataplane.Drops;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Linux.Netlink;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <summary>The one owner of what this node's kernel should hold, as others see it: what it is told, asked and says.</summary>
/// <remarks>
/// What waits is worked off together by <see cref="Enforcement"/>, so a hundred endpoints share one transaction; nothing is swept before
/// the store has been read to its end and, after a restart, before <see cref="SetInitialAsync"/> told the endpoints of this node. All
/// members are safe from any thread.
/// </remarks>
public sealed partial class DataplaneLoop : IAsyncDisposable
{
    private readonly DataplaneOptions _options;
    private readonly HostNetwork _network;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LoopInbox _inbox = new();
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private readonly LoopStatus _status = new();
    private readonly List<uint> _ownPorts = [];

    /// <summary>What is open since the start.</summary>
    private Inside? _inside;

    public DataplaneLoop(DataplaneOptions options, HostNetwork network, TimeProvider time, ILoggerFactory loggers)
    {
        (_options, _network, _time) = (options, network, time);
        _logger = loggers.CreateLogger<DataplaneLoop>();
    }

    /// <summary>Where it is.</summary>
    public DataplaneStatus Status => _status.Current;

    /// <summary>See <see cref="DataplaneStatus.InSync"/>.</summary>
    public bool InSync => Status.InSync;

    /// <summary>See <see cref="DataplaneStatus.EnforcedRevision"/>.</summary>
    public long EnforcedRevision => Status.EnforcedRevision;

    /// <summary>See <see cref="DataplaneStatus.ConfirmedAt"/>.</summary>
    public DateTimeOffset ConfirmedAt => Status.ConfirmedAt;

    /// <summary>See <see cref="DataplaneStatus.LastError"/>.</summary>
    public string? LastError => Status.LastError;

    /// <summary>Why no port can be published on this host; null: they can, or it is not started.</summary>
    public string? WhyNoPorts => _inside?.Kernel.Ports?.WhyNot;

    /// <summary>Raised on the loop after <see cref="Status"/> changed; must return at once.</summary>
    public event EventHandler? Changed
    {
        add => _status.Changed += value;
        remove => _status.Changed -= value;
    }

    /// <summary>Raised for dropped packets, some of each second's, on a thread of its own; must return at once.</summary>
    public event EventHandler<DroppedPacket>? Dropped;

    /// <summary>Raised on the loop for a host-side interface of ours that is gone (its namespace died, or it was unwired); must return
    /// at once.</summary>
    public event EventHandler<string>? LinkGone
    {
        add => _status.LinkGone += value;
        remove => _status.LinkGone -= value;
    }

    /// <summary>Ends when the loop does: by <see cref="DisposeAsync"/>, or with the fault that ended it.</summary>
    public Task Completion => _running;

    /// <summary>Host sides as they should stay.</summary>
    internal KeptLinks Links { get; } = new();

    /// <summary>Interfaces that this process wired.</summary>
    internal LinkLedger Ledger { get; } = new();

    /// <summary>Loads the skeleton with empty maps, or takes over what a former process left in the kernel, still enforcing; then starts
    /// the loop. Once.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: the kernel said no.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        try
        {
            // On a thread of its own: the first read of a large table takes a while.
            _inside = await Task.Run(Open, ct);
        }
        catch (NetlinkException e)
        {
            throw new CalicoException(Problem.Refused, $"dataplane: {e.Message}", inner: e);
        }

        var inside = _inside;
        _watching = inside.Kernel.Drops?.RunAsync(packet => Dropped?.Invoke(this, packet), _time, _stopping.Token) ?? Task.CompletedTask;
        _running = Task.WhenAll(((Func<CancellationToken, Task>[])[ct => RunAsync(inside.Enforcement, ct), inside.Notices.FollowNftAsync,
            inside.Notices.FollowRoutesAsync])
            .Select(part => EndAloudAsync(inside.Enforcement, part)));
    }

    /// <summary>Hands over changes of the store; never waits. Of several states of a resource the loop sees the last.</summary>
    public void Accept(SyncBatch batch) => _inbox.Accept(batch);

    /// <summary>Says that for a while policy was not what it should have been (the store was away, and has been listed anew): connections
    /// that began meanwhile are judged again, those that it refuses are cut. Returns at once.</summary>
    public void JudgeAgain() => _inbox.Post(new LoopRequest.Gap());

    /// <summary>Has links and settings compared now, not only at the next interval.</summary>
    internal void LookAtLinks() => _inbox.Post(new LoopRequest.Settings());

    /// <summary>Adds an endpoint of this node, or replaces its state.</summary>
    /// <returns>When the kernel enforces it: <see cref="EndpointState.Enforced"/>, or <see cref="EndpointState.Closed"/> while a
    /// selector in force cannot be decided without its pending labels.</returns>
    /// <param name="endpoint">Its state.</param>
    /// <param name="ct">Ends the wait only: the endpoint stays desired until it is withdrawn.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>; <see cref="Problem.AlreadyExists"/> another endpoint has the
    /// interface.</exception>
    public Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct)
    {
        if (!endpoint.InterfaceName.StartsWith(_options.InterfacePrefix, StringComparison.Ordinal) || endpoint.InterfaceName.Length > 15)
        {
            throw new CalicoException(Problem.Invalid,
                $"interface {endpoint.InterfaceName} of {endpoint.Id} does not start with {_options.InterfacePrefix} or is longer than 15 "
                    + "characters");
        }

        var request = new LoopRequest.Publish(endpoint);
        Post(request);
        return request.Done.Task.WaitAsync(ct);
    }

    /// <summary>Takes an endpoint out: its elements, then its routes; its connections a moment later. Unknown: success. Works before the
    /// store was read.</summary>
    /// <param name="id">Which endpoint.</param>
    /// <param name="ct">Ends the wait, not the removal.</param>
    public Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        var request = new LoopRequest.Withdraw(id);
        Post(request);
        return request.Done.Task.WaitAsync(ct);
    }

    /// <summary>After a restart: every endpoint of this node's log. Whatever else of ours stands in the kernel is swept once the store
    /// has been read. Returns when noted; <see cref="Status"/> says when enforced.</summary>
    /// <remarks>Needed, if only with nothing, whenever <see cref="StartAsync"/> found a table of a former process; until then that one
    /// stays as it is and nothing is published.</remarks>
    public Task SetInitialAsync(ImmutableArray<LocalEndpoint> endpoints, CancellationToken ct)
    {
        var request = new LoopRequest.Initial(endpoints);
        Post(request);
        return request.Done.Task.WaitAsync(ct);
    }

    /// <summary>Packets dropped since the table was made, by reason.</summary>
    public async Task<ImmutableSortedDictionary<string, long>> ReadDropsAsync(CancellationToken ct) => (await ReadCountersAsync(ct)).Drops;

    /// <summary>The same with what each rule met, of all lists that this node's endpoints ask: the kernel is asked once.</summary>
    public Task<CounterReport> ReadCountersAsync(CancellationToken ct) => AskAsync(e => e.ReadCounters(), ct);

    /// <summary>Addresses of the endpoints that are enforced.</summary>
    public Task<ImmutableArray<Cidr>> ListAddressesAsync(CancellationToken ct) => AskAsync(e => e.ListAddresses(), ct);

    /// <summary>This node's host endpoints, each with what has become of it.</summary>
    public Task<ImmutableArray<HostEndpointState>> ListHostEndpointsAsync(CancellationToken ct) => AskAsync(e => e.ListHostEndpoints(), ct);

    /// <summary>The host's interfaces that are no workload's, with the addresses that host endpoints are matched with.</summary>
    public Task<ImmutableArray<(string Name, ImmutableArray<Cidr> Addresses)>> ListInterfacesAsync(CancellationToken ct) =>
        AskAsync(e => e.ListInterfaces(), ct);

    /// <summary>What the kernel enforces at an interface, a workload's or the host's, after it was read and what differed was
    /// mended.</summary>
    public async Task<EnforcedProgram> ProveAsync(string interfaceName, CancellationToken ct)
    {
        await AskAsync(e => e.LookAgain(), ct);
        // Answered in the turn after the one that has looked.
        return await AskAsync(e => e.Prove(interfaceName), ct);
    }

    /// <summary>What is enforced for an endpoint: state, lists, rules and where each comes from.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: nothing is.</exception>
    public Task<string> DescribeAsync(WorkloadEndpointId id, CancellationToken ct) => AskAsync(e => e.Describe(id), ct);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        // Cancelled is how it ends; a fault was logged when it came, and is in Completion.
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_inside is not null)
        {
            await _inside.Kernel.DisposeAsync();
            _inside.Notices.Dispose();
            _inside.Enforcement.Abandon();
        }

        LoopRequest.Abandon(_inbox.Take().Requests);
        _stopping.Dispose();
    }

    private void Post(LoopRequest request)
    {
        if (_stopping.IsCancellationRequested)
        {
            throw new CalicoException(Problem.Unavailable, "the dataplane loop has ended");
        }

        _inbox.Post(request);
    }

    private async Task<T> AskAsync<T>(Func<Enforcement, T> question, CancellationToken ct)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(new LoopRequest.Query(inside =>
        {
            try
            {
                done.SetResult(question(inside));
            }
            catch (NetlinkException e)
            {
                done.SetException(new CalicoException(Problem.Refused, e.Message, inner: e));
            }
            catch (Exception e)
            {
                // Whatever it is, it is the answer to the one who asked, and no business of the loop's.
                done.SetException(e);
            }
        }));
        return await done.Task.WaitAsync(ct);
    }
}
