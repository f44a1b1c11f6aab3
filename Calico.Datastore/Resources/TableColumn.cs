using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources;

/// <summary>A column of <c>calicoctl get</c>.</summary>
/// <param name="Heading">Upper case.</param>
/// <param name="Value">Text of one resource's cell, from its JSON.</param>
public sealed record TableColumn(string Heading, Func<JsonObjectView, string> Value)
{
    /// <summary>The resource's name.</summary>
    public static TableColumn Name { get; } = new("NAME", it => it.Object("metadata").Text("name"));

    /// <summary>A text of the spec; empty where it is absent.</summary>
    public static TableColumn Spec(string heading, string field) => new(heading, it => Print(it.Object("spec"), field));

    /// <summary>A flag of the spec, which Go prints as false where it is absent.</summary>
    public static TableColumn Flag(string heading, string field) =>
        new(heading, it => it.Object("spec").IsTrue(field) ? "true" : "false");

    /// <summary>Texts of a list of the spec.</summary>
    public static TableColumn List(string heading, string field) => new(heading, it => string.Join(',', it.Object("spec").Texts(field)));

    private static string Print(JsonObjectView spec, string field) => spec.IsSet(field) ? spec[field].ToString() : "";
}
