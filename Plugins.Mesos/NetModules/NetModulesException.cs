namespace Calico.Plugins.Mesos.NetModules;

/// <summary>What becomes <c>error</c> in a reply, word for word.</summary>
internal sealed class NetModulesException(string message) : Exception(message);
