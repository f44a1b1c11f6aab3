namespace Calico.Datastore.Etcd;

/// <summary>A text that is never printed by accident: logs, records and debuggers show stars.</summary>
public sealed class Secret(string text)
{
    public override string ToString() => "****";

    /// <summary>The text itself; for the one place that has to send it.</summary>
    public string Reveal() => text;

    /// <summary>A URL for a message: without what stands before an '@' or in a query, which may be a secret.</summary>
    public static string Mask(string url)
    {
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        var start = scheme < 0 ? 0 : scheme + 3;
        var at = url.LastIndexOf('@');
        var shown = at < start ? url : $"{url[..start]}****@{url[(at + 1)..]}";
        var query = shown.IndexOfAny(['?', '#']);
        return query < 0 ? shown : $"{shown[..(query + 1)]}****";
    }
}
