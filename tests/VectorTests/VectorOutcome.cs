namespace Calico.VectorTests;

/// <summary>A vector that was judged.</summary>
public sealed record VectorOutcome(string File, string Kind, string Id, string Description, VectorVerdict Verdict);
