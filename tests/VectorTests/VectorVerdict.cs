namespace Calico.VectorTests;

/// <summary>What became of one vector.</summary>
public abstract record VectorVerdict
{
    private VectorVerdict() { }

    /// <summary>As upstream expects.</summary>
    public sealed record Passed : VectorVerdict;

    /// <summary>Otherwise than upstream expects.</summary>
    public sealed record Failed(string Text) : VectorVerdict;

    /// <summary>Concerns what is not built; the reason is printed.</summary>
    public sealed record NotApplicable(string Reason) : VectorVerdict;

    public static VectorVerdict Pass { get; } = new Passed();

    public static VectorVerdict Fail(string text) => new Failed(text);

    public static VectorVerdict Skip(string reason) => new NotApplicable(reason);
}
