using Calico.Datastore.Etcd;

namespace Calico.Cli.Connection;

/// <summary>Which store, and how to reach it.</summary>
public sealed record StoreSettings
{
    /// <summary>Where the host process serves the embedded store.</summary>
    public const string EmbeddedEndpoint = "unix:///run/calico/store.sock";

    /// <summary>True: the store of the host process on this machine, which speaks etcd's protocol on a unix socket.</summary>
    public bool Embedded { get; init; }

    /// <summary><c>http(s)://host:port</c> or <c>unix:///path</c>.</summary>
    public required IReadOnlyList<string> Endpoints { get; init; }

    /// <summary>Where the endpoints were said, for messages.</summary>
    public string Origin { get; init; } = "ETCD_ENDPOINTS";

    public string? Username { get; init; }
    public Secret? Password { get; init; }
    public string? CaFile { get; init; }
    public string? CertFile { get; init; }
    public string? KeyFile { get; init; }
}
