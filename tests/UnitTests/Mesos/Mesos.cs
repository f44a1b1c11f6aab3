extern alias mesos;

// What the shim and its adapters say to each other is in both of them, so the Mesos adapter has a name of its own here.
global using AddressLeases = mesos::Calico.Plugins.Mesos.Containers.AddressLeases;
global using ContainerRecovery = mesos::Calico.Plugins.Mesos.Containers.ContainerRecovery;
global using ContainerSweep = mesos::Calico.Plugins.Mesos.Containers.ContainerSweep;
global using HostAddresses = mesos::Calico.Plugins.Mesos.Containers.HostAddresses;
global using IsolatorServer = mesos::Calico.Plugins.Mesos.Isolation.IsolatorServer;
global using KeptAddresses = mesos::Calico.Plugins.Mesos.Containers.KeptAddresses;
global using MesosPlugin = mesos::Calico.Plugins.Mesos.MesosPlugin;
global using MesosSettings = mesos::Calico.Plugins.Mesos.MesosSettings;
global using NetModulesServer = mesos::Calico.Plugins.Mesos.NetModules.NetModulesServer;
