using Calico.Datastore.Etcd;
using Calico.Datastore.Settings;

namespace Calico.Cli.Connection;

/// <summary>Which store, and how to reach it.</summary>
public sealed record StoreSettings
{
    /// <summary>Upstream's file.</summary>
    internal const string ClientsFile = "/etc/calico/calicoctl.cfg";

    // A file of upstream's may say of Kubernetes what nobody here asks; the host refuses what else is wrong in its own.
    private static readonly string[] OwnNames = ["spec.etcd", "spec.datastore", "datastore.etcd"];

    /// <summary>True: the store of the host process on this machine, which speaks etcd's protocol on a unix socket.</summary>
    public bool Embedded { get; init; }

    /// <summary>How to reach it.</summary>
    public required EtcdOptions Etcd { get; init; }

    /// <summary>Where the endpoints were said, for messages.</summary>
    public string Origin { get; init; } = "";

    /// <summary>Reads them as the host reads its own, so that both mean the same store: environment, then the file, then the default. A
    /// file that the command line names is meant for this one call and is all that counts.</summary>
    /// <param name="named">What <c>--config</c> says; null: upstream's file if it is there, else the host's.</param>
    /// <param name="environment">Its variables and files, and where the embedded store is.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: everything that is wrong, each by its name.</exception>
    internal static StoreSettings Read(string? named, CliEnvironment environment)
    {
        if (named is not null && !File.Exists(named))
        {
            throw new CliException($"Error reading config file: {named}");
        }

        var reader = new SettingsReader(named is null ? environment.Variable : _ => null,
            FileOf(named ?? environment.ClientsFile, environment));
        var settings = DatastoreSettings.Read(reader);
        reader.AddUnknown(name => OwnNames.Any(own => name.StartsWith(own, StringComparison.OrdinalIgnoreCase)));
        reader.ThrowIfWrong();
        foreach (var line in reader.DescribeMisspelt(environment.VariableNames()))
        {
            environment.Error.WriteLine($"Warning: {line}");
        }

        return settings.IsEmbedded ? new() { Embedded = true, Etcd = new() { Endpoints = [environment.StoreSocket] } }
            : new() { Etcd = settings.ToEtcd(), Origin = reader.OriginOf(nameof(DatastoreSettings.EtcdEndpoints)) };
    }

    private static SettingsFile FileOf(string path, CliEnvironment environment)
    {
        try
        {
            return File.Exists(path) ? SettingsFile.ReadClients(path) : SettingsFile.Read(environment.HostsFile, mustExist: false);
        }
        catch (CalicoException e)
            when (e is { InnerException: UnauthorizedAccessException } && e.Path == environment.HostsFile && IsSaid(environment.Variable))
        {
            // It may hold a password, and then is root's alone; whoever says which datastore does not need it.
            environment.Error.WriteLine($"Warning: {e.Message}");
            return SettingsFile.None;
        }
    }

    private static bool IsSaid(Func<string, string?> variable) =>
        ((string[])["ETCD_ENDPOINTS", "DATASTORE_TYPE"]).Any(name => variable(name) is { Length: > 0 }
            || variable($"CALICO_{name}") is { Length: > 0 });
}
