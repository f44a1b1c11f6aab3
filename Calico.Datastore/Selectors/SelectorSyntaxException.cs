namespace Calico.Datastore.Selectors;

/// <summary>Leaves the parser's recursion; never leaves <see cref="Selector"/>.</summary>
internal sealed class SelectorSyntaxException(string message) : Exception(message);
