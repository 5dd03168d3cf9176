from twisted.internet.interfaces import IReactorTCP

reactor: IReactorTCP
