using Calico.Datastore.Resources;
using Calico.Datastore.Store;

namespace Calico.Cli.Connection;

/// <summary>One command's connection to the store.</summary>
internal sealed class CliSession(CliEnvironment environment, IKeyValueStore store) : IAsyncDisposable
{
    private bool _isReady;

    internal IKeyValueStore Store => store;

    internal ResourceClient Client { get; } = new(store, ResourceKinds.All, environment.Time, new IpamCleanup(store, environment.Time));

    /// <summary>Connects as the command line, the configuration file and the environment say.</summary>
    internal static CliSession Open(CliEnvironment environment, string? configFile) =>
        new(environment, environment.OpenStore(StoreSettingsReader.Read(configFile, environment.Variable)));

    /// <summary>Warns when the cluster was set up by another version; the commands work all the same.</summary>
    internal async Task WarnOfVersionAsync(CancellationToken ct)
    {
        if (await FindInformationAsync(ct) is { Spec.CalicoVersion: { Length: > 0 } version } && Plain(version) != Plain(ClientVersion.Text))
        {
            await environment.Error.WriteLineAsync(
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
            await environment.Error.WriteLineAsync($"Warning: cannot initialize the datastore: {e.Message}");
        }
    }

    internal async Task<Resource<ClusterInformationSpec>?> FindInformationAsync(CancellationToken ct) =>
        await Client.FindAsync(new("ClusterInformation", "", "default"), ct) as Resource<ClusterInformationSpec>;

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private static string Plain(string version) => version.TrimStart('v').Split('-', '+')[0];
}
