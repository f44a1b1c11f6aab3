namespace Calico.Datastore.Resources;

/// <summary>What is wrong with one field of a resource.</summary>
/// <param name="Path">Where, e.g. <c>spec.ingress[0].source.nets[1]</c>.</param>
/// <param name="Message">Why, without the path.</param>
/// <param name="Value">The offending value as text, shortened; empty when it says nothing.</param>
public readonly record struct ValidationError(string Path, string Message, string Value = "")
{
    public override string ToString() => $"{Path} = '{Value}' ({Message})";

    /// <summary>All of them as upstream prints them.</summary>
    public static string Describe(IReadOnlyList<ValidationError> errors) => errors.Count == 1
        ? $"error with field {errors[0]}"
        : "error with the following fields:\n" + string.Join('\n', errors.Select(error => $"-  {error}"));
}
