namespace Calico.Felix.Labels;

/// <summary>A port with a name. <paramref name="Protocol"/> is the IP protocol number.</summary>
internal readonly record struct EndpointPort(string Name, byte Protocol, ushort Port);
