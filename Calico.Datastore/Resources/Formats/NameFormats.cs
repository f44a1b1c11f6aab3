using System.Text.RegularExpressions;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Formats of names. Each returns what is wrong with a text, or null.</summary>
public static partial class NameFormats
{
    private const string LabelText = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

    /// <summary>Name of a resource: DNS subdomain, at most 253.</summary>
    public static string? Subdomain(string text) => text.Length > 253
        ? "name is too long by " + (text.Length - 253) + " bytes"
        : NameCharacters.IsSubdomain(text)
            ? null
            : "name must consist of lower case alphanumeric characters, '-' or '.'";

    /// <summary>One DNS label, at most 63 (tiers).</summary>
    public static string? Label(string text) => text.Length <= 63 && LabelPattern().IsMatch(text)
        ? null
        : "name must consist of lower case alphanumeric characters or '-', and be at most 63 long";

    /// <summary>NetworkPolicy: <c>label</c>, <c>label.label</c>, or one that Kubernetes or OpenStack owns.</summary>
    public static string? NamespacedPolicy(string text) => Subdomain(text)
        ?? (PolicyPattern().IsMatch(text) || OwnedPolicyPattern().IsMatch(text) ? null : "name must have at most one dot");

    /// <summary>GlobalNetworkPolicy: <c>label</c> or <c>label.label</c>.</summary>
    public static string? GlobalPolicy(string text) => Subdomain(text)
        ?? (PolicyPattern().IsMatch(text) ? null : "name must have at most one dot");

    /// <summary>Key of a label: Kubernetes' qualified name.</summary>
    public static string? QualifiedName(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var name = text[(slash + 1)..];
        if (slash >= 0 && (slash == 0 || text[..slash].Length > 253 || !NameCharacters.IsSubdomain(text.AsSpan(0, slash))))
        {
            return "prefix must be a DNS subdomain";
        }

        return name.Length is > 0 and <= 63 && NameCharacters.IsFramed(name, "-_.")
            ? null
            : "must be at most 63 alphanumeric characters, '-', '_' or '.', and begin and end with an alphanumeric one";
    }

    /// <summary>Key of an annotation: as of a label, after lower-casing.</summary>
    public static string? AnnotationKey(string text) => QualifiedName(text.ToLowerInvariant());

    /// <summary>Value of a label.</summary>
    public static string? LabelValue(string text) => text.Length == 0 || (text.Length <= 63 && NameCharacters.IsFramed(text, "-_."))
        ? null
        : "must be at most 63 alphanumeric characters, '-', '_' or '.', and begin and end with an alphanumeric one";

    public static string? Interface(string text) => text == "*" || IsInterface(text)
        ? null
        : "must be an interface name of at most 15 characters";

    /// <summary>Name of one interface that we make.</summary>
    public static string? OneInterface(string text) => text != "*" && IsInterface(text) && text is not ("." or "..")
        ? null
        : "must be an interface name: 1 to 15 of letters, digits, '_', '.' and '-'";

    /// <summary>Prefixes of interface names, separated by commas.</summary>
    public static string? InterfacePrefixes(string text) =>
        text.Split(',').Select(OneInterface).FirstOrDefault(wrong => wrong is not null);

    /// <summary>Names, separated by commas; one between slashes is a regular expression.</summary>
    public static string? InterfaceList(string text) => text.Split(',').Select(name =>
        name is ['/', .. var pattern, '/'] ? TextFormats.RegularExpression(pattern) : OneInterface(name))
            .FirstOrDefault(wrong => wrong is not null);

    /// <summary>Interface in a BGP filter; <c>*</c> stands for any characters.</summary>
    public static string? InterfaceWildcard(string text) => WildcardPattern().IsMatch(text)
        ? null
        : "must be an interface name of at most 15 characters, with * as wildcard";

    /// <summary>Interface that BGP ignores; a bare <c>*</c> would ignore all.</summary>
    public static string? IgnoredInterface(string text) => text == "*" ? "may not match every interface" : InterfaceWildcard(text);

    /// <summary>Interface name as iptables takes it (<c>+</c> is its wildcard).</summary>
    public static string? InterfaceFilter(string text) => FilterPattern().IsMatch(text)
        ? null
        : "must be an interface name of at most 15 characters";

    public static string? MetricsHost(string text) => HostPattern().IsMatch(text) ? null : "must be a host name or address";

    public static string? ContainerId(string text) => NameCharacters.IsFramed(text, "-")
        ? null
        : "must consist of alphanumeric characters and '-', and begin and end with an alphanumeric one";

    /// <summary>Name of a port: Kubernetes' IANA style.</summary>
    public static string? PortName(string text) =>
        text.Length is > 0 and <= 15 && PortPattern().IsMatch(text) && text.AsSpan().IndexOfAnyInRange('a', 'z') >= 0
        && !text.Contains("--", StringComparison.Ordinal)
            ? null
            : "must be a port name: at most 15 of a-z, 0-9 and '-', with a letter";

    private static bool IsInterface(string text) => text.Length is > 0 and <= 15 && NameCharacters.IsOf(text, "_.-");

    [GeneratedRegex($@"\A{LabelText}\z", RegexOptions.ExplicitCapture)]
    private static partial Regex LabelPattern();

    [GeneratedRegex($@"\A({LabelText}\.)?{LabelText}\z", RegexOptions.ExplicitCapture)]
    private static partial Regex PolicyPattern();

    [GeneratedRegex($@"\A(knp|ossg)\.default\.{LabelText}(\.{LabelText})*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex OwnedPolicyPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9_.*-]{1,15}\z")]
    private static partial Regex WildcardPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9:._+-]{1,15}\z")]
    private static partial Regex FilterPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9:._+-]{1,64}\z")]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex PortPattern();
}
