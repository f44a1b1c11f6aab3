using System.Collections.Immutable;
using System.Threading.Channels;
using Calico.Datastore.Addresses;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Strangers;

/// <summary>Keeps the way open through chains of others that drop what they forward, dockerd's above all.</summary>
/// <remarks>
/// Facts it rests on: a drop is final in whatever table it is, an accept ends only its own base chain, so what is accepted in a stranger's
/// chain is still judged by ours. dockerd sets iptables' FORWARD policy to DROP and puts its jumps first whenever it starts; DOCKER-USER it
/// leaves alone. So there are two rules for our prefix in the chain that drops, while it drops, marked by a comment. A chain that is
/// nobody's iptables is not touched: it is told, with what to do.
/// Chains of iptables-nft tell of changes by notices; those of iptables-legacy do not and are looked at with every audit.
/// Everything here runs on its own task: a program may have to be run, and no workload waits for that.
/// </remarks>
public sealed partial class ForwardPath : IAsyncDisposable
{
    /// <summary>Between two looks: kube-proxy changes its tables every second.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    /// <summary>The legacy tables tell of no change, so while there are any they are looked at this often.</summary>
    private static readonly TimeSpan LegacyInterval = TimeSpan.FromSeconds(10);

    /// <summary>Of others' rules, that are told one by one.</summary>
    private const int MostRules = 10;

    private readonly HostNetwork _network;
    private readonly DataplaneOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly NftTable _own;
    private readonly Iptables _iptables;
    private readonly Func<CancellationToken, Task<ImmutableArray<Cidr>>> _workloads;
    private readonly Channel<bool> _wake =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private ImmutableArray<string> _problems = [];

    /// <param name="network">Where.</param>
    /// <param name="options">Of the dataplane.</param>
    /// <param name="time">For its pauses.</param>
    /// <param name="loggers">What it logs with.</param>
    /// <param name="workloads">Tells the addresses of this node's workloads; null: without any, only what drops everything is found.
    /// </param>
    public ForwardPath(HostNetwork network, DataplaneOptions options, TimeProvider time, ILoggerFactory loggers,
        Func<CancellationToken, Task<ImmutableArray<Cidr>>>? workloads = null)
    {
        (_network, _options, _time) = (network, options, time);
        _workloads = workloads ?? (_ => Task.FromResult<ImmutableArray<Cidr>>([]));
        _logger = loggers.CreateLogger<ForwardPath>();
        _own = new(NftFamily.Inet, options.TableName);
        _iptables = new(network, options.InterfacePrefix);
    }

    /// <summary>Chains that drop what workloads send or are sent, and what to do; empty: none.</summary>
    public ImmutableArray<string> Problems => _problems;

    /// <summary>Raised after <see cref="Problems"/> changed; must return at once.</summary>
    public event EventHandler? Changed;

    /// <summary>Begins to look, on a task of its own. Once.</summary>
    /// <exception cref="NetlinkException">The kernel's notices cannot be had.</exception>
    public void Start()
    {
        // Notices first: then nothing falls between them and the first look.
        var changes = _network.Run(NftChangeStream.Open);
        var socket = _network.Run(() => NftSocket.Open());
        var foreign = new ForeignChains(socket, _own, _options.InterfacePrefix);
        _wake.Writer.TryWrite(true);
        _running = Task.Run(() => RunAsync(changes, socket, foreign));
    }

    /// <summary>Takes our rules out of others' chains: when the product leaves this host.</summary>
    /// <param name="dryRun">Only says which.</param>
    /// <returns>The chains that had some, each with the program that owns it.</returns>
    public IReadOnlyList<string> Remove(bool dryRun = false)
    {
        var chains = new List<string>();
        using var socket = _network.Run(() => NftSocket.Open());
        foreach (var chain in Chains(new(socket, _own, _options.InterfacePrefix)))
        {
            foreach (var left in chain.Leavings)
            {
                chains.Add($"chain {left} of {chain.Program}");
                if (!dryRun)
                {
                    _iptables.Remove(chain, left);
                }
            }
        }

        return chains;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        // Cancelled is how it ends.
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task RunAsync(NftChangeStream changes, NftSocket socket, ForeignChains foreign)
    {
        using (changes)
        using (socket)
        {
            try
            {
                await await Task.WhenAny(FollowAsync(changes), LookNowAndThenAsync(foreign));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A fault of ours: what stands stays, and it is said that nobody looks any more.
                Say([$"nobody looks at others' chains any more, restart the host: {e.Message}"]);
            }
        }
    }

    private async Task FollowAsync(NftChangeStream changes)
    {
        await foreach (var change in changes.ReadAllAsync(_stopping.Token))
        {
            if (change.Lost || change.Tables.Any(t => t != _own))
            {
                _wake.Writer.TryWrite(true);
            }
        }
    }

    private async Task LookNowAndThenAsync(ForeignChains foreign)
    {
        while (true)
        {
            var pause = _iptables.IsLegacyLoaded && LegacyInterval < _options.AuditInterval ? LegacyInterval : _options.AuditInterval;
            using var audit = _time.CreateTimer(_ => _wake.Writer.TryWrite(true), null, pause, Timeout.InfiniteTimeSpan);
            await _wake.Reader.ReadAsync(_stopping.Token);
            Look(foreign, await _workloads(_stopping.Token));
            await Task.Delay(Rest, _time, _stopping.Token);
        }
    }

    private void Look(ForeignChains foreign, ImmutableArray<Cidr> workloads)
    {
        var problems = ImmutableArray.CreateBuilder<string>();
        try
        {
            foreach (var chain in Chains(foreign))
            {
                Mend(chain, problems);
            }

            foreach (var (table, chain) in foreign.FindOthersThatDrop())
            {
                var names = $"{table} {chain.Name}";
                problems.Add($"chain {chain.Name} of table {table} drops what it does not accept, and nothing in "
                    + "it accepts traffic of workloads: "
                    + $"nft insert rule {names} iifname \"{_options.InterfacePrefix}*\" accept; nft insert rule {names} oifname "
                    + $"\"{_options.InterfacePrefix}*\" accept");
            }

            var drops = new ForeignDrops(_options.InterfacePrefix, workloads);
            var rules = foreign.ReadAll().Concat(_iptables.ReadLegacyTables()).SelectMany(drops.Find).ToList();
            problems.AddRange(rules.Take(MostRules));
            if (rules.Count > MostRules)
            {
                problems.Add($"and {rules.Count - MostRules} more rules of others drop traffic of workloads");
            }
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException or IOException)
        {
            problems.Add($"the chains that forwarded packets meet cannot be read: {e.Message}");
        }

        Say(problems.ToImmutable());
    }

    private void Say(ImmutableArray<string> problems)
    {
        if (problems.SequenceEqual(_problems))
        {
            return;
        }

        _problems = problems;
        foreach (var problem in problems)
        {
            Log.Dropped(_logger, problem);
        }

        Changed?.Invoke(this, EventArgs.Empty);
    }

    private IEnumerable<IptablesChain> Chains(ForeignChains foreign) => new[] { NftFamily.IPv4, NftFamily.IPv6 }
        .SelectMany(f => new[] { foreign.ReadIptables(f), _iptables.ReadLegacy(f) }).OfType<IptablesChain>();

    private void Mend(IptablesChain chain, ImmutableArray<string>.Builder problems)
    {
        try
        {
            foreach (var left in chain.Leavings.Where(c => !chain.Drops || c != chain.Target || !chain.Ours.Contains(c)))
            {
                _iptables.Remove(chain, left);
                Log.TakenAway(_logger, left, chain.Program);
            }

            if (chain.Drops && !chain.Ours.Contains(chain.Target))
            {
                _iptables.Add(chain);
                Log.Opened(_logger, chain.Target, chain.Program);
            }
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception)
        {
            var accept = $"{chain.Program} -I {chain.Target}";
            problems.Add($"{chain} drops what it does not accept, and traffic of workloads could not be accepted there ({e.Message}): "
                + $"{accept} -i {_options.InterfacePrefix}+ -j ACCEPT; {accept} -o {_options.InterfacePrefix}+ -j ACCEPT");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4041, LogLevel.Information,
            "{program} drops what it forwards: traffic of workloads is accepted in its chain {chain}, and judged by ours")]
        public static partial void Opened(ILogger logger, string chain, string program);

        [LoggerMessage(4042, LogLevel.Information, "our rules left chain {chain} of {program}")]
        public static partial void TakenAway(ILogger logger, string chain, string program);

        [LoggerMessage(4043, LogLevel.Warning, "{problem}")]
        public static partial void Dropped(ILogger logger, string problem);
    }
}
