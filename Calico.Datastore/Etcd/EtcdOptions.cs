using System.Collections.Immutable;

namespace Calico.Datastore.Etcd;

/// <summary>How to reach etcd.</summary>
public sealed record EtcdOptions
{
    /// <summary><c>http://host:port</c>, <c>https://host:port</c> or <c>unix:///path</c>, in the order they are tried.</summary>
    public required ImmutableArray<string> Endpoints { get; init; }

    /// <summary>PEM file of the authorities that may have signed the server's certificate; null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM file of our certificate; needs <see cref="KeyFile"/>.</summary>
    public string? CertFile { get; init; }

    public string? KeyFile { get; init; }

    public string? Username { get; init; }

    public Secret? Password { get; init; }
}
