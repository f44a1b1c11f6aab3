using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Cli.Output;

/// <summary>A rule as its author wrote it, in one line: <c>Allow TCP from has(green) to ports 80,8000:8080</c>.</summary>
internal static class RuleWords
{
    internal static string Of(Rule rule)
    {
        var words = new List<string> { rule.Action };
        Add(words, "", rule.IpVersion is { } version ? $"IPv{version}" : null);
        Add(words, "", rule.Protocol?.ToString());
        Add(words, "not ", rule.NotProtocol?.ToString());
        Add(words, "type ", Icmp(rule.Icmp));
        Add(words, "not type ", Icmp(rule.NotIcmp));
        Add(words, "", rule.Http is null ? null : "with http");
        Add(words, "from ", Side(rule.Source));
        Add(words, "to ", Side(rule.Destination));
        return string.Join(' ', words);
    }

    private static string? Side(EntityRule? side)
    {
        if (side is null)
        {
            return null;
        }

        var words = new List<string>();
        Add(words, "", Join(side.Nets));
        Add(words, "not ", Join(side.NotNets));
        Add(words, "", side.Selector);
        Add(words, "not ", side.NotSelector);
        Add(words, "namespaces ", side.NamespaceSelector);
        Add(words, "service accounts ", side.ServiceAccounts is { } accounts
            ? string.Join(' ', Given(accounts.Selector, Join(accounts.Names))) : null);
        Add(words, "service ", side.Services is { } service ? $"{service.Namespace}/{service.Name}" : null);
        Add(words, "ports ", Join(side.Ports));
        Add(words, "not ports ", Join(side.NotPorts));
        return words.Count == 0 ? null : string.Join(' ', words);
    }

    private static string? Icmp(IcmpMatch? icmp) =>
        icmp?.Type is null ? null : icmp.Code is null ? $"{icmp.Type}" : $"{icmp.Type}/{icmp.Code}";

    private static string? Join(ImmutableArray<string>? texts) => texts is { IsEmpty: false } given ? string.Join(',', given) : null;

    private static string? Join(ImmutableArray<NumberOrString>? ports) =>
        ports is { IsEmpty: false } given ? string.Join(',', given) : null;

    private static IEnumerable<string> Given(params string?[] texts) => texts.OfType<string>().Where(text => text.Length > 0);

    private static void Add(List<string> words, string before, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            words.Add(before + text);
        }
    }
}
