using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>What <c>docker network create</c> asks for beside addresses.</summary>
/// <param name="IsInternal"><c>--internal</c>.</param>
/// <param name="Mtu">Null: the node's.</param>
/// <param name="InterfacePrefix">Null: the adapter's.</param>
/// <param name="IgnoresLabels"><c>labels=off</c>: endpoints are open before the labels of their containers are known.</param>
internal sealed record NetworkOptions(bool IsInternal, int? Mtu, string? InterfacePrefix, bool IgnoresLabels)
{
    public const string LabelsKey = "labels";
    public const string MtuKey = "com.docker.network.driver.mtu";
    public const string PrefixKey = "com.docker.network.container_iface_prefix";

    private const string Docker = "com.docker.network.";
    private const string Internal = "com.docker.network.internal";

    /// <summary>Where dockerd puts what its user gave with <c>-o</c>.</summary>
    private const string Generic = "com.docker.network.generic";

    /// <summary>A name has 15 bytes, and the number that libnetwork appends needs some.</summary>
    public const int MaxPrefix = 12;

    /// <summary>Reads them. What nobody would act upon is refused: an option without effect is worse than none.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unsupported"/> or <see cref="Problem.Invalid"/>, with the option.</exception>
    public static NetworkOptions Read(ImmutableSortedDictionary<string, JsonElement>? options)
    {
        options ??= ImmutableSortedDictionary<string, JsonElement>.Empty;
        // dockerd's own; a later one adds some, and what they are about it does itself.
        Refuse(options.Keys.Where(k => !k.StartsWith(Docker, StringComparison.Ordinal)));
        var isInternal = options.TryGetValue(Internal, out var flag) && flag.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new CalicoException(Problem.Invalid, $"{Internal} is {flag.GetRawText()}; it can be true or false", Internal),
        };
        var given = options.TryGetValue(Generic, out var generic) ? Given(generic) : ImmutableSortedDictionary<string, string>.Empty;
        return ReadGiven(isInternal, given);
    }

    /// <summary>As <see cref="Read"/>, of what the user gave with <c>-o</c> alone.</summary>
    public static NetworkOptions ReadGiven(bool isInternal, ImmutableSortedDictionary<string, string> given)
    {
        Refuse(given.Keys.Where(k => k is not (MtuKey or PrefixKey or LabelsKey)));
        return new(isInternal, MtuOf(given), PrefixOf(given), IgnoresLabelsOf(given));
    }

    private static bool IgnoresLabelsOf(ImmutableSortedDictionary<string, string> given) => given.GetValueOrDefault(LabelsKey, "on") switch
    {
        "on" => false,
        "off" => true,
        var other => throw new CalicoException(Problem.Invalid, $"{LabelsKey} is '{other}'; it can be on or off", LabelsKey),
    };

    private static ImmutableSortedDictionary<string, string> Given(JsonElement generic) => generic.ValueKind switch
    {
        JsonValueKind.Null => ImmutableSortedDictionary<string, string>.Empty,
        JsonValueKind.Object => generic.EnumerateObject().ToImmutableSortedDictionary(p => p.Name, p => p.Value.ToString()),
        _ => throw new CalicoException(Problem.Invalid, $"{Generic} is not an object", Generic),
    };

    private static int? MtuOf(ImmutableSortedDictionary<string, string> given)
    {
        if (!given.TryGetValue(MtuKey, out var text))
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var mtu) && mtu is >= 68 and <= 65535
            ? mtu
            : throw new CalicoException(Problem.Invalid, $"{MtuKey} is '{text}'; it can be 68 to 65535", MtuKey);
    }

    private static string? PrefixOf(ImmutableSortedDictionary<string, string> given)
    {
        if (!given.TryGetValue(PrefixKey, out var prefix))
        {
            return null;
        }

        return IsPrefix(prefix)
            ? prefix
            : throw new CalicoException(
                Problem.Invalid, $"{PrefixKey} is '{prefix}'; it can be 1 to {MaxPrefix} letters, digits, '-' or '_'", PrefixKey);
    }

    /// <summary>Whether an interface may be called so, with a number behind.</summary>
    public static bool IsPrefix(string prefix) =>
        Encoding.UTF8.GetByteCount(prefix) is > 0 and <= MaxPrefix && prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private static void Refuse(IEnumerable<string> unknown)
    {
        if (string.Join(", ", unknown) is { Length: > 0 } names)
        {
            throw new CalicoException(
                Problem.Unsupported, $"the Calico driver does not know {names}; it knows {MtuKey}, {PrefixKey} and {LabelsKey}", "--opt");
        }
    }
}
