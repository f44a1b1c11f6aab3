using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>The chain of iptables that forwarded packets of a family meet, as it stands.</summary>
/// <param name="Family">IPv4 or IPv6.</param>
/// <param name="IsLegacy">Written by iptables-legacy, else by iptables-nft.</param>
/// <param name="Drops">What no rule of it accepts is dropped.</param>
/// <param name="HasDockerUser">The chain leads to <c>DOCKER-USER</c>, which dockerd asks first and leaves to others. One that nothing leads
/// to (docker half removed) is met by no packet.</param>
/// <param name="Ours">Chains that have our two rules, once each, before whatever returns.</param>
/// <param name="Leavings">Chains that have any rule of ours.</param>
internal sealed record IptablesChain(NftFamily Family, bool IsLegacy, bool Drops, bool HasDockerUser, IReadOnlyList<string> Ours,
    IReadOnlyList<string> Leavings)
{
    public const string Forward = "FORWARD";
    public const string DockerUser = "DOCKER-USER";

    /// <summary>Where our rules belong (DESIGN 12).</summary>
    public string Target => HasDockerUser ? DockerUser : Forward;

    /// <summary>Program that owns it, as its package calls it.</summary>
    public string Program => (Family == NftFamily.IPv6 ? "ip6tables" : "iptables") + (IsLegacy ? "-legacy" : "-nft");

    public override string ToString() => $"chain {Forward} of {Program}";
}
