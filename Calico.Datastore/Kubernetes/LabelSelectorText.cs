using System.Text.Json;

namespace Calico.Datastore.Kubernetes;

/// <summary>A Kubernetes LabelSelector in our selector language, written as upstream writes it.</summary>
internal static class LabelSelectorText
{
    /// <summary>Null: it has no term, so it matches everything of its kind.</summary>
    /// <param name="selector">A LabelSelector, or null.</param>
    /// <param name="field">For messages.</param>
    /// <exception cref="ConversionException">It is no LabelSelector.</exception>
    public static string? Of(JsonElement selector, string field)
    {
        var terms = new List<string>();
        foreach (var label in KubernetesJson.Members(selector, "matchLabels", field).OrderBy(l => l.Name, StringComparer.Ordinal))
        {
            terms.Add($"{label.Name} == '{KubernetesJson.Text(label.Value, $"{field}.matchLabels.{label.Name}")}'");
        }

        var index = 0;
        foreach (var expression in KubernetesJson.Items(selector, "matchExpressions", field))
        {
            terms.Add(Expression(expression, $"{field}.matchExpressions[{index++}]"));
        }

        return terms.Count == 0 ? null : string.Join(" && ", terms);
    }

    private static string Expression(JsonElement expression, string field)
    {
        var key = KubernetesJson.RequiredText(expression, "key", field);
        var values = KubernetesJson.Items(expression, "values", field)
            .Select(v => $"'{KubernetesJson.Text(v, field + ".values")}'").ToList();
        return KubernetesJson.RequiredText(expression, "operator", field) switch
        {
            "In" => $"{key} in {{ {string.Join(", ", values)} }}",
            "NotIn" => $"{key} not in {{ {string.Join(", ", values)} }}",
            "Exists" => $"has({key})",
            "DoesNotExist" => $"! has({key})",
            var other => throw new ConversionException($"{field}.operator: unknown value \"{other}\""),
        };
    }
}
