namespace Calico.Datastore.Kubernetes;

/// <summary>A part of a Kubernetes object that cannot be said in v3; the message begins with the field.</summary>
internal sealed class ConversionException(string message) : Exception(message);
