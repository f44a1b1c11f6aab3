namespace Calico.Felix.Calculation;

/// <summary>A rule means something that this version cannot enforce, or nothing at all. Never leaves <see cref="RuleCompiler"/>.</summary>
internal sealed class RuleUnusableException(string message) : Exception(message);
