using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>Written as <c>{}</c>.</summary>
internal sealed record Done
{
    public static readonly Done Answer = new();
}

/// <summary>Why a call was not done; dockerd shows it to its user.</summary>
internal sealed record Refusal([property: JsonPropertyName("Err")] string Reason);

/// <summary>What a socket serves.</summary>
internal sealed record ActivateAnswer(ImmutableArray<string> Implements);

/// <param name="Scope"><c>local</c>: this node's; dockerd knows no other for a driver on a socket without a store of its own.</param>
/// <param name="ConnectivityScope">How far an address reaches.</param>
internal sealed record NetworkCapabilities(string Scope, string ConnectivityScope)
{
    public static readonly NetworkCapabilities Ours = new("local", "local");
}

/// <param name="RequiresMacAddress">Whether a request for an address has to name a MAC.</param>
internal sealed record IpamCapabilities([property: JsonPropertyName("RequiresMACAddress")] bool RequiresMacAddress);

/// <summary>Names of the two spaces, as upstream's.</summary>
internal sealed record AddressSpaces(string LocalDefaultAddressSpace, string GlobalDefaultAddressSpace)
{
    public const string Local = "CalicoLocalAddressSpace";

    public const string Global = "CalicoGlobalAddressSpace";

    public static readonly AddressSpaces Ours = new(Local, Global);

    /// <summary>Whether the space is one of ours; otherwise another IPAM driver gave the addresses.</summary>
    public static bool IsOurs(string? space) => space is Local or Global;
}
