namespace Calico.Shim.Wire;

/// <summary>The other side sent what this protocol does not allow.</summary>
internal sealed class WireFormatException(string message) : Exception(message);
