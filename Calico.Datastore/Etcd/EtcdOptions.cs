using System.Collections.Immutable;

namespace Calico.Datastore.Etcd;

/// <summary>How to reach etcd.</summary>
public sealed record EtcdOptions
{
    /// <summary><c>http://host:port</c>, <c>https://host:port</c> or <c>unix:///path</c>, in the order they are tried.</summary>
    public required ImmutableArray<string> Endpoints { get; init; }

    /// <summary>A comma list as a setting has it. A user and password in it are refused before anybody could print them; a comma in the
    /// password would hide one half of it from every later look.</summary>
    /// <param name="list">The setting's text.</param>
    /// <param name="origin">Where it was set, for the message.</param>
    /// <returns>Empty where nothing was set.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>; also where something was set that names none: whoever wrote it
    /// meant etcd, and another datastore would be empty.</exception>
    public static ImmutableArray<string> ParseEndpoints(string list, string origin) => list.Contains('@', StringComparison.Ordinal)
        ? throw new CalicoException(Problem.Invalid, $"{origin} has a user or a password in it, which is not shown here; "
            + "set ETCD_USERNAME and ETCD_PASSWORD and leave only scheme, host and port", origin)
        : NamesNone(list) ? throw new CalicoException(Problem.Invalid,
            $"{origin} is '{list}'; it has to be a comma list of etcd URLs, or not set", origin)
        : Split(list);

    /// <summary>Whether a setting's text is there and no endpoint is in it.</summary>
    public static bool NamesNone(string list) => list.Length > 0 && Split(list).IsEmpty;

    /// <summary>Whether each of them is one that can be called.</summary>
    public static bool AreEndpoints(string list) => Split(list).All(text => EtcdEndpoint.TryParse(text) is not null);

    /// <summary>PEM file of the authorities that may have signed the server's certificate; null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM file of our certificate; needs <see cref="KeyFile"/>.</summary>
    public string? CertFile { get; init; }

    public string? KeyFile { get; init; }

    public string? Username { get; init; }

    public Secret? Password { get; init; }

    private static ImmutableArray<string> Split(string list) =>
        [.. list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
}
