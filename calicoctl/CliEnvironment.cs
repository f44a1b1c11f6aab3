using System.Diagnostics.CodeAnalysis;
using Calico.Cli.Connection;
using Calico.Datastore.Settings;
using Calico.Datastore.Store;

namespace Calico.Cli;

/// <summary>What the program stands in: streams, environment, clock, and how a store is opened. Tests hand in their own.</summary>
public sealed record CliEnvironment
{
    public required TextWriter Output { get; init; }
    public required TextWriter Error { get; init; }
    public required TextReader Input { get; init; }

    /// <summary>Columns of the terminal; null: the output is a file or a pipe, and is as wide as it has to be. Asked only for what may
    /// not fit, because the runtime sets the terminal up for it.</summary>
    public Func<int?> Width { get; init; } = () => null;

    /// <summary>Reads an environment variable.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>Names of all environment variables.</summary>
    public Func<IEnumerable<string>> VariableNames { get; init; } = () => [];

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Opens the store; called only by commands that need one, so that help and versions cost nothing.</summary>
    public required Func<StoreSettings, IKeyValueStore> OpenStore { get; init; }

    /// <summary>Where the host process serves the embedded store.</summary>
    [AllowNull]
    public string StoreSocket { get => field ?? $"unix://{Sockets().Store}"; init; }

    /// <summary>Upstream's file of settings.</summary>
    public string ClientsFile { get; init; } = StoreSettings.ClientsFile;

    /// <summary>The host's file of settings, for where upstream's is not there.</summary>
    public string HostsFile { get; init; } = SettingsFile.DefaultPath;

    /// <summary>The control socket of the host process.</summary>
    [AllowNull]
    public string HostSocket { get => field ?? Sockets().Control; init; }

    /// <summary>The host's file of settings. It may hold a password, and then is root's alone: who may not read it has the defaults.
    /// </summary>
    internal SettingsFile ReadHostsFile()
    {
        try
        {
            return SettingsFile.Read(HostsFile, mustExist: false);
        }
        catch (CalicoException e) when (e.InnerException is UnauthorizedAccessException)
        {
            return SettingsFile.None;
        }
    }

    private HostSockets Sockets()
    {
        var reader = new SettingsReader(Variable, ReadHostsFile());
        var sockets = HostSockets.Read(reader);
        reader.ThrowIfWrong();
        return sockets;
    }
}
