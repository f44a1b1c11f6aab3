using System.CommandLine;
using Calico.Cli.Commands;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Cli.Connection;

/// <summary>One command's connection to the store.</summary>
internal sealed class CliSession : IAsyncDisposable
{
    private readonly CliEnvironment _environment;
    private readonly DryRunStore? _dryRun;
    private readonly HashSet<string> _idleKinds = [];
    private bool _isReady;

    private CliSession(CliEnvironment environment, IKeyValueStore store, bool dryRun)
    {
        _environment = environment;
        _dryRun = dryRun ? new(store) : null;
        Store = _dryRun ?? store;
        Client = new(Store, ResourceKinds.All, environment.Time, new IpamCleanup(Store, environment.Time));
    }

    internal IKeyValueStore Store { get; }

    internal ResourceClient Client { get; }

    /// <summary>Whether nothing is written.</summary>
    internal bool IsDryRun => _dryRun is not null;

    /// <summary>Connects as the command line, the configuration file and the environment say.</summary>
    /// <param name="environment">What the program stands in.</param>
    /// <param name="result">The command line.</param>
    /// <param name="dryRun">Every check is made and nothing is written.</param>
    internal static CliSession Open(CliEnvironment environment, ParseResult result, bool dryRun = false)
    {
        if (GlobalOptions.HasContext(result))
        {
            environment.Error.WriteLine("Warning: --context has no effect: there is no Kubernetes datastore");
        }

        var settings = StoreSettingsReader.Read(GlobalOptions.ConfigOf(result), environment.Variable);
        return new(environment, new BoundedStore(environment.OpenStore(settings), settings, environment.Time), dryRun);
    }

    /// <summary>Warns when the cluster was set up by another version; the commands work all the same.</summary>
    internal async Task WarnOfVersionAsync(CancellationToken ct)
    {
        if (await FindInformationAsync(ct) is { Spec.CalicoVersion: { Length: > 0 } version } && Plain(version) != Plain(ClientVersion.Text))
        {
            await _environment.Error.WriteLineAsync(
                $"Warning: version mismatch. Client Version: {ClientVersion.Text}, Cluster Version: {version}");
        }
    }

    /// <summary>Sees to what every cluster has. It can fail where the user may not write; then what follows says so better.</summary>
    internal async Task EnsureInitializedAsync(CancellationToken ct)
    {
        if (_isReady)
        {
            return;
        }

        _isReady = true;
        try
        {
            await new ClusterInitialization(Client).EnsureAsync("", "", ct);
        }
        catch (CalicoException e) when (e.Problem != Problem.Unavailable)
        {
            await _environment.Error.WriteLineAsync($"Warning: cannot initialize the datastore: {e.Message}");
        }
    }

    internal async Task<Resource<ClusterInformationSpec>?> FindInformationAsync(CancellationToken ct) =>
        await Client.FindAsync(new("ClusterInformation", "", "default"), ct) as Resource<ClusterInformationSpec>;

    /// <summary>Says once for each kind that what was written is obeyed by nothing.</summary>
    internal void WarnIfIdle(ResourceKey key)
    {
        if (EnforcedKinds.IsIdle(key) && _idleKinds.Add(key.Kind))
        {
            var instead = EnforcedKinds.Instead(key.Kind);
            _environment.Error.WriteLine($"Warning: {key.Kind} is stored and not enforced: this version does not act on it"
                + (instead.Length > 0 ? $"; {instead}" : ""));
        }
    }

    /// <summary>Says what was done, or would have been.</summary>
    /// <param name="what">E.g. <c>deleted 1 'IPPool' resource(s)</c>.</param>
    internal void SayDone(params IReadOnlyList<string> what)
    {
        foreach (var line in what)
        {
            _environment.Output.WriteLine($"{(IsDryRun ? "Dry run: would have " : "Successfully ")}{line}");
        }

        SayChanges();
    }

    /// <summary>In a dry run, every key that would be other than it is.</summary>
    internal void SayChanges()
    {
        foreach (var (key, before, after) in _dryRun?.Changes ?? [])
        {
            var name = ResourceKinds.All.TryParsePath(key, out _, out var resource) ? resource.ToString() : key;
            _environment.Output.WriteLine($"  {name} {(after is null ? "deleted" : before is null ? "created" : "changed")}");
        }
    }

    public ValueTask DisposeAsync() => Store.DisposeAsync();

    private static string Plain(string version) => version.TrimStart('v').Split('-', '+')[0];
}
