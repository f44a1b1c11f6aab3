using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Calico.Felix.Output;

namespace Calico.Dataplane.Translation;

/// <summary>Names of what stands in our table.</summary>
internal static class Names
{
    public const string RawPrerouting = "raw-prerouting";
    public const string ForwardEgress = "forward-egress";
    public const string ForwardIngress = "forward-ingress";
    public const string InputEgress = "input-egress";
    public const string Input = "input";
    public const string NatPostrouting = "nat-postrouting";
    public const string RawOutput = "raw-output";
    public const string PreDnat = "pre-dnat";
    public const string Output = "output";
    public const string PostDnatOutput = "post-dnat-out";
    public const string PostDnatJudge = "post-dnat-judge";
    public const string WorkloadRaw = "wl-raw";
    public const string Martian4 = "wl-martian4";
    public const string Martian6 = "wl-martian6";
    public const string WorkloadEgress = "wl-egress";
    public const string WorkloadIngress = "wl-ingress";
    public const string WorkloadToHost = "wl-to-host";
    public const string Invalid = "ct-inv";
    public const string NotLabelled = "not-labelled";

    /// <summary>Interfaces of the endpoints that are published.</summary>
    public const string Workloads = "workloads";
    public const string EgressPrograms = "egress-programs";
    public const string IngressPrograms = "ingress-programs";
    public const string Programs = "programs";
    public const string Established = "ct-first";

    /// <summary>Interfaces of this host that a host endpoint of their own judges.</summary>
    public const string HostInterfaces = "host-interfaces";
    public const string FailsafeIn = "failsafe-in";
    public const string FailsafeOut = "failsafe-out";
    public const string FailsafeRawIn = "failsafe-raw-in";
    public const string FailsafeRawOut = "failsafe-raw-out";

    /// <summary>First bytes of the addresses that <see cref="Martian4"/> and <see cref="Martian6"/> judge.</summary>
    public const string MartianHeads4 = "martian-heads4";
    public const string MartianHeads6 = "martian-heads6";
    public const string AllowedSources4 = "allowed-sources4";
    public const string AllowedSources6 = "allowed-sources6";

    /// <summary>nft's own limit is 255; our longest prefix and suffix stay below it.</summary>
    private const int MaxLength = 200;

    private const int HashCharacters = 20;

    /// <summary>Chain of a rule list. List ids are names already, unless a profile's is very long.</summary>
    public static string ListChain(string listId) => "list/" + Fit(listId);

    /// <summary>Chain of a staged policy's rules, which decide nothing, in a list.</summary>
    public static string StagedChain(string listId, int position) => $"staged/{Fit(listId)}/{position}";

    public static string ProgramChain(uint program) => $"program/{program:x8}";

    /// <summary>IP set of one family.</summary>
    public static string IpSet(string setId, IpSetType type, bool isIpv6) => (type switch
    {
        IpSetType.Hosts => "s",
        IpSetType.Nets => "net",
        _ => "p",
    }) + (isIpv6 ? "6-" : "4-") + Fit(setId.StartsWith("s:", StringComparison.Ordinal)
    || setId.StartsWith("n:", StringComparison.Ordinal) ? setId[2..] : setId);

    /// <summary>IP set of ranges of one family, as long as it holds these.</summary>
    public static string IpSet(string setId, bool isIpv6, string cover) => IpSet(setId, IpSetType.Nets, isIpv6) + "." + Hash(cover);

    /// <summary>A set that rules hold themselves, named by its content.</summary>
    public static string OfContent(string prefix, string content) => prefix + Hash(content);

    /// <summary>The counter of a reason.</summary>
    public static string Drop(string reason) => "drop-" + reason;

    /// <summary>The chain that tells of packets that are dropped for a reason, counts them and drops them.</summary>
    public static string DropChain(string reason) => "drop/" + reason;

    private static string Fit(string text) => text.Length <= MaxLength
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/')
        ? text
        : Hash(text);

    private static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HashCharacters];
}
