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

    public string? Username { get; init; }
    public string? Password { get; init; }

    /// <summary>Certificates and key: a path, or the PEM text itself.</summary>
    public string? CaCertificate { get; init; }

    public string? Certificate { get; init; }
    public string? Key { get; init; }

    /// <summary>Hides the password and key wherever a record would print them.</summary>
    public override string ToString() => $"StoreSettings {{ {string.Join(',', Endpoints)} }}";
}
