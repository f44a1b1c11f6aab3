using System.Collections.Immutable;

namespace Calico.Dataplane.Translation;

/// <summary>Why a packet is dropped; each has a named counter <c>drop-REASON</c>.</summary>
internal static class DropReason
{
    public const string AntiSpoof = "anti-spoof";
    public const string Martian = "martian";
    public const string RouterAdvertisement = "ra";
    public const string DhcpServer = "dhcp-server";
    public const string Encapsulation = "encap-source";
    public const string UnknownEndpoint = "unknown-endpoint";
    public const string Invalid = "ct-invalid";
    public const string Policy = "policy";
    public const string Unusable = "policy-unusable";
    public const string TierDefault = "tier-default";
    public const string ProfileNone = "profile-none";
    public const string NotLabelled = "not-labelled";
    public const string HostAction = "host-action";

    /// <summary>No packet is dropped for it, and so it is not counted: a staged policy would have.</summary>
    public const string Staged = "staged";

    public static readonly ImmutableArray<string> All =
    [
        AntiSpoof, Martian, RouterAdvertisement, DhcpServer, Encapsulation, UnknownEndpoint, Invalid, Policy, Unusable, TierDefault,
            ProfileNone, NotLabelled, HostAction,
    ];
}
