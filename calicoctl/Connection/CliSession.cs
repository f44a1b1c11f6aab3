using System.CommandLine;
using Calico.Cli.Commands;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Cli.Connection;

/// <summary>One command's connection to the store.</summary>
internal sealed class CliSession : IAsyncDisposable
{
    private readonly CliEnvironment _environment;
    private readonly DryRunStore? _dryRun;
    private readonly HashSet<string> _idleKinds = [];
    private readonly bool _asJson;
    private bool _isReady;

    private CliSession(CliEnvironment environment, IKeyValueStore store, bool dryRun, bool asJson)
    {
        (_environment, _asJson) = (environment, asJson);
        _dryRun = dryRun ? new(store) : null;
        Store = _dryRun ?? store;
        Client = new(Store, environment.Time, new IpamCleanup(Store, environment.Time));
    }

    internal IKeyValueStore Store { get; }

    internal ResourceClient Client { get; }

    /// <summary>Whether nothing is written.</summary>
    internal bool IsDryRun => _dryRun is not null;

    /// <summary>Whether what was done is said as JSON.</summary>
    internal bool AsJson => _asJson;

    /// <summary>What a dry run would have written, with the values before and after; null: not there.</summary>
    internal IEnumerable<(string Key, KeyValue? Before, KeyValue? After)> Changes => _dryRun?.Changes ?? [];

    /// <summary>Connects as the command line, the configuration file and the environment say.</summary>
    /// <param name="environment">What the program stands in.</param>
    /// <param name="result">The command line.</param>
    /// <param name="dryRun">Every check is made and nothing is written.</param>
    /// <param name="asJson">What was done is said as JSON.</param>
    internal static CliSession Open(CliEnvironment environment, ParseResult result, bool dryRun = false, bool asJson = false)
    {
        if (GlobalOptions.HasContext(result))
        {
            environment.Error.WriteLine("Warning: --context has no effect: there is no Kubernetes datastore");
        }

        var settings = StoreSettings.Read(GlobalOptions.ConfigOf(result), environment);
        return new(environment, new BoundedStore(environment.OpenStore(settings), settings, environment.Time), dryRun, asJson);
    }

    /// <summary>Warns when the cluster was set up by another version; the commands work all the same.</summary>
    internal async Task WarnOfVersionAsync(CancellationToken ct)
    {
        if (await FindInformationAsync(ct) is { Spec.CalicoVersion: { Length: > 0 } version }
            && Plain(version) != Plain(ClientVersion.Text))
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
        catch (CalicoException e) when (e.Problem != Problem.Unavailable || StoreRefusedException.Is(e))
        {
            await _environment.Error.WriteLineAsync($"Warning: cannot initialize the datastore: {e.Message}");
        }
    }

    internal async Task<Resource<ClusterInformationSpec>?> FindInformationAsync(CancellationToken ct) =>
        await Client.FindAsync(Kinds.ClusterInformation, "default", ct);

    /// <summary>Says once for each kind that what was written is obeyed by nothing.</summary>
    internal void WarnIfIdle(ResourceKey key, Resource value)
    {
        if (EnforcedKinds.WhyPartly(value) is { } partly)
        {
            _environment.Error.WriteLine($"Warning: {key}: {partly}");
        }

        if (EnforcedKinds.WhyIdle(key) is { } reason && _idleKinds.Add(key.Kind))
        {
            var instead = EnforcedKinds.Instead(key.Kind);
            _environment.Error.WriteLine($"Warning: {key.Kind} is stored and not enforced: {reason}"
                + (instead.Length > 0 ? $"; {instead}" : ""));
        }
    }

    /// <summary>Says what was done, or would have been.</summary>
    /// <param name="what">E.g. <c>deleted 1 'IPPool' resource(s)</c>.</param>
    internal void SayDone(params IReadOnlyList<string> what) => Say(IsDryRun ? "Dry run: would have " : "Successfully ", what);

    /// <summary>Says that some of it was done, or would have been; what was not has been said.</summary>
    internal void SayPartlyDone(string what) => Say(IsDryRun ? "Partial success: would have " : "Partial success: ", [what]);

    private void Say(string verdict, IReadOnlyList<string> what)
    {
        var changes = Changes.Select(change =>
        {
            var name = ResourceKinds.All.TryParsePath(change.Key, out _, out var resource) ? resource.ToString() : change.Key;
            return $"{name} {(change.After is null ? "deleted" : change.Before is null ? "created" : "changed")}";
        }).ToArray();
        if (_asJson)
        {
            JsonOutput.Write(_environment.Output, "WriteResult", new()
            {
                ["dryRun"] = IsDryRun, ["done"] = JsonOutput.Texts(what), ["changes"] = JsonOutput.Texts(changes),
            });
            return;
        }

        foreach (var line in what)
        {
            _environment.Output.WriteLine(verdict + line);
        }

        foreach (var change in changes)
        {
            _environment.Output.WriteLine($"  {change}");
        }
    }

    public ValueTask DisposeAsync() => Store.DisposeAsync();

    private static string Plain(string version) => version.TrimStart('v').Split('-', '+')[0];
}
