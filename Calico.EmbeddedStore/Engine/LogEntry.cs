namespace Calico.EmbeddedStore.Engine;

/// <summary>An entry of the node log.</summary>
internal sealed record LogEntry(string Key, byte[] Value);
