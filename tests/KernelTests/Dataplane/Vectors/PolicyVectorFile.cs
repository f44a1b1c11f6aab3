using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Calico.VectorTests.Policy;

namespace Calico.KernelTests.Dataplane.Vectors;

/// <summary>The vectors' <c>policy.json</c>, each vector as it is and with IPv6 addresses instead.</summary>
/// <remarks>Which family an address is of makes no difference to what policy means, so the other form has to end alike.</remarks>
internal static partial class PolicyVectorFile
{
    private const string Variable = "CALICO_VECTORS";

    private static readonly Lazy<IReadOnlyList<(PolicyVector Vector, bool IsIpv6)>> Read = new(ReadAll);

    /// <summary>Why there is nothing to judge; null when there is.</summary>
    public static string? Missing => Environment.GetEnvironmentVariable(Variable) switch
    {
        null or "" => $"{Variable} names no folder",
        _ when !File.Exists(Name) => $"{Variable} names a folder without policy.json",
        _ => null,
    };

    /// <summary>In the file's order; empty where there is no file.</summary>
    public static IReadOnlyList<(PolicyVector Vector, bool IsIpv6)> Vectors => Missing is null ? Read.Value : [];

    private static string Name => Path.Combine(Environment.GetEnvironmentVariable(Variable)!, "policy.json");

    /// <summary>The IPv6 address that stands for an IPv4 one, whose bits are its last.</summary>
    public static IPAddress InIpv6(IPAddress address) => new([0xfd, 0, 0, 0x65, 0, 0, 0, 0, 0, 0, 0, 0, .. address.GetAddressBytes()]);

    private static List<(PolicyVector, bool)> ReadAll()
    {
        var text = File.ReadAllText(Name);
        var both = new List<(PolicyVector, bool)>();
        foreach (var isIpv6 in (bool[])[false, true])
        {
            using var document = JsonDocument.Parse(isIpv6 ? InIpv6(text) : text);
            // What is read names nothing of the document but host endpoints.
            var root = document.RootElement.Clone();
            both.AddRange(root.GetProperty("vectors").EnumerateArray()
                .Select(vector => (PolicyVector.Read(vector, root.GetProperty("topologies")), isIpv6)));
        }

        return both;
    }

    private static string InIpv6(string text) => Address().Replace(text, match =>
    {
        var address = InIpv6(IPAddress.Parse(match.Groups["address"].Value));
        return int.TryParse(match.Groups["length"].Value, CultureInfo.InvariantCulture,
            out var length) ? $"{address}/{length + 96}" : $"{address}";
    });

    [GeneratedRegex("""(?<=")(?<address>\d{1,3}(\.\d{1,3}){3})(/(?<length>\d{1,2}))?(?=")""", RegexOptions.ExplicitCapture)]
    private static partial Regex Address();
}
