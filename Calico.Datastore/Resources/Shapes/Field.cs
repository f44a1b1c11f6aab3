namespace Calico.Datastore.Resources.Shapes;

/// <summary>A member of an object.</summary>
/// <param name="Name">As in JSON.</param>
/// <param name="Shape">What it looks like.</param>
public sealed record Field(string Name, Shape Shape)
{
    /// <summary>Whether it must be there and not empty.</summary>
    public bool Required { get; init; }

    /// <summary>JSON text of what is filled in where it is absent; null: nothing.</summary>
    public string? Default { get; init; }

    /// <summary>Text checked even where it is empty or absent (upstream validates some fields so).</summary>
    public bool CheckedWhenEmpty { get; init; }
}
